'use client';

import { FileUploader } from 'fileman-uploader';
import { useUpload, useUploads } from 'fileman-uploader/react';

const uploader = new FileUploader({ headers: () => ({ Authorization: 'Bearer token' }) });

export default function Page() {
  const { uploads, isUploading } = useUploads(uploader);
  const { upload, start } = useUpload(uploader);
  return (
    <main>
      <input type="file" onChange={({ target }) => target.files?.[0] && start(target.files[0], { checksum: 'crc32c' })} />
      <p>{`${uploads.length} uploads, ${isUploading ? 'busy' : 'idle'}, ${upload?.state ?? 'none of its own'}`}</p>
    </main>
  );
}
