/** Loads one TypeScript file as it stands, without a build: types are taken out, nothing is checked. */
import { readFile } from 'node:fs/promises';
import type { Raw } from '../contracts/reader.js';

/** TypeScript is a tool of developers: an installation without them has no compiler. */
export class NoCompiler extends Error {
  override readonly name = 'NoCompiler';
}

/**
 * The module of a file that imports nothing but types and what Node has. It is compiled in memory: the folder of
 * plugins may be read-only.
 * @throws NoCompiler; SyntaxError with the place
 */
export async function importTypeScript(file: string): Promise<Raw> {
  const typescript = await compiler();
  const { outputText, diagnostics = [] } = typescript.transpileModule(
    await readFile(file, 'utf8'),
    {
      fileName: file,
      reportDiagnostics: true,
      compilerOptions: {
        module: typescript.ModuleKind.ESNext,
        target: typescript.ScriptTarget.ES2022,
        verbatimModuleSyntax: true,
      },
    },
  );
  const [first] = diagnostics;
  if (first !== undefined) {
    const { line = 0 } = first.file?.getLineAndCharacterOfPosition(first.start ?? 0) ?? {};
    const said = typescript.flattenDiagnosticMessageText(first.messageText, ' ');
    throw new SyntaxError(`line ${line + 1}: ${said}`);
  }
  const named = `${outputText}\n//# sourceURL=${file}`;
  return import(`data:text/javascript;base64,${Buffer.from(named).toString('base64')}`);
}

async function compiler(): Promise<typeof import('typescript')> {
  try {
    return (await import('typescript')).default;
  } catch (cause) {
    throw new NoCompiler('it is TypeScript, and there is no compiler here', { cause });
  }
}
