// What ends have left to be done, as text: JSON objects with commas between, so that a step adds to it without reading it.
import type { Aftermath } from '../../core/aftermath.js';

export const aftermathText = (pieces: readonly Aftermath[]): string =>
  pieces.map((piece) => JSON.stringify(piece)).join(',');

/** @throws SyntaxError when it is damaged */
export const aftermathIn = (text: string): readonly Aftermath[] =>
  JSON.parse(`[${text}]`) as readonly Aftermath[];
