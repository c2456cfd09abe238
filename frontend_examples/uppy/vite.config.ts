import { example } from '../vite.example';

export default example('uppy');
