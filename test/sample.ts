/** True where each case of the longest tests is wanted, as in `npm run bench -- whole`; `npm test` takes a sample. */
export const whole = process.env.WHOLE === '1';
