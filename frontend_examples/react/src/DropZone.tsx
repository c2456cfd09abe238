import { useState, type ChangeEvent, type DragEvent } from 'react';

/** Where files are chosen or dropped. */
export function DropZone({ onFiles }: { onFiles: (files: FileList) => void }) {
  const [isOver, setIsOver] = useState(false);
  const dragOver = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(true);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    onFiles(event.dataTransfer.files);
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    if (event.target.files) onFiles(event.target.files);
    event.target.value = '';
  };
  return (
    <label className={isOver ? 'drop drop-over' : 'drop'} onDragOver={dragOver} onDragLeave={() => setIsOver(false)} onDrop={drop}>
      <span>Choose files, or drop them here</span>
      <input type="file" multiple onChange={choose} />
    </label>
  );
}
