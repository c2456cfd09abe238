import { useGraphiQL } from '@graphiql/react';
import { useEffect, useRef, useState } from 'react';
import type { RemoteFile, UploadInstructions } from '../../uploader/types.js';
import { variablesFor } from './examples';

/** The first file of an answer of initiateUpload, with the fields that the example selects. */
export interface Reserved {
  uploadToken: string;
  file: Pick<RemoteFile, 'id' | 'filename' | 'fileSize'>;
  instructions: Pick<UploadInstructions, 'requests'>;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A line for a shell that sends what the first request asks for. */
function curlLine({ instructions: { requests } }: Reserved): string | null {
  const [request] = requests;
  if (!request) return null;
  const { method, url, length, fileField } = request;
  const headers = request.headers.map(({ name, value }) => `-H ${quote(`${name}: ${value}`)}`);
  const fields = request.fields.map(({ name, value }) => `--form-string ${quote(`${name}=${value}`)}`);
  const body = fileField ? [...fields, `-F ${quote(`${fileField}=@-;filename=file`)}`] : ['--data-binary @-'];
  const bytes = length === 13 ? "printf 'Hello, world!'" : `head -c ${length} YOUR-FILE`;
  return [`${bytes} | curl -i -X ${method}`, ...headers, ...body, quote(url)].join(' ');
}

/**
 * Goes on with the upload that the last initiateUpload reserved: writes its token and id into the variables of the
 * examples, once in each tab, and shows how the bytes are sent.
 */
export function NextStep({ reserved }: { reserved: Reserved }) {
  const active = useGraphiQL((state) => state.tabs[state.activeTabIndex]);
  const editor = useGraphiQL((state) => state.variableEditor);
  const filled = useRef(new Set<string>());
  const [isCopied, setIsCopied] = useState(false);

  useEffect(() => {
    if (!active || !editor || filled.current.has(active.id)) return;
    const variables = variablesFor(active.title, reserved);
    if (variables) editor.setValue(variables);
    filled.current.add(active.id);
  }, [reserved, active, editor]);

  const line = curlLine(reserved);
  if (!line) return null;
  const copy = () => navigator.clipboard.writeText(line).then(() => setIsCopied(true));
  return (
    <section className="next-step" aria-label="Next step">
      <p>Send the bytes in a terminal, then go on with the next tabs:</p>
      <button type="button" onClick={copy}>
        {isCopied ? 'Copied' : 'Copy'}
      </button>
      <code tabIndex={0}>{line}</code>
    </section>
  );
}
