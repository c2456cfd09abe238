export * from './file-uploader.js';
export type * from './types.js';
