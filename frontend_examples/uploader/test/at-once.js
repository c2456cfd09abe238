/** Import it first: no wait before another try takes any time, and the event loop can be waited for. */
Math.random = () => 0;

export async function until(isTrue) {
  while (!isTrue()) await new Promise(setImmediate);
}

export async function turns(count = 20) {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}
