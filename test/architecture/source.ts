import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import * as ts from 'typescript';

export interface Import {
  /** Path from the root of the repository for our own files, else the package as written. */
  readonly to: string;
  readonly ours: boolean;
  /** Written as `import type`: nothing of it is left when the program runs. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface Use {
  readonly what: string;
  readonly line: number;
}

/** What the rules need to know about one file. `path` counts from the root, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Globals that reach outside a pure function, as `Date.now`, `setTimeout`, `process`, `process.env`. */
  readonly reaches: readonly Use[];
  /** `export * from`. */
  readonly starExports: readonly Use[];
  /** Tests that silence all others. */
  readonly onlys: readonly Use[];
}

const reachingGlobals = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'performance',
  'crypto',
  'fetch',
  'console',
  'require',
]);
const testNames = new Set(['it', 'test', 'describe', 'suite', 'bench']);

/** Every TypeScript and JavaScript file below `folders` of `root`; folders that are not there count as empty. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) => filesBelow(root, folder)).map((path) => parse(path, readFileSync(join(root, path), 'utf8')));
}

function filesBelow(root: string, folder: string): string[] {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(join(root, folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', 'fixtures', 'results'].includes(entry.name) ? [] : filesBelow(root, path);
    return /\.(ts|tsx|js)$/.test(entry.name) ? [path] : [];
  });
}

const list = (folder: string) => readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));

export function parse(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const imports: Import[] = [];
  const reaches: Use[] = [];
  const starExports: Use[] = [];
  const onlys: Use[] = [];
  const lineOf = (node: ts.Node): number => tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;

  const visit = (node: ts.Node): void => {
    const found = importIn(node);
    if (found !== null) {
      const ours = found.specifier.startsWith('.');
      const to = ours ? posix.join(posix.dirname(path), found.specifier) : found.specifier;
      imports.push({ to, ours, typeOnly: found.typeOnly, line: lineOf(node) });
    }
    if (ts.isExportDeclaration(node) && node.moduleSpecifier && !(node.exportClause && ts.isNamedExports(node.exportClause))) {
      starExports.push({ what: node.getText(tree), line: lineOf(node) });
    }
    const reach = reachOf(node);
    if (reach !== null) reaches.push({ what: reach, line: lineOf(node) });
    if (ts.isPropertyAccessExpression(node) && node.name.text === 'only' && testNames.has(rootName(node.expression))) {
      onlys.push({ what: node.getText(tree), line: lineOf(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return { path, lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0), imports, reaches, starExports, onlys };
}

/** Static, type-position and dynamic imports, and exports from elsewhere. */
function importIn(node: ts.Node): { specifier: string; typeOnly: boolean } | null {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typeOnly: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { specifier: node.argument.literal.text, typeOnly: true };
  }
  const [first] = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword ? node.arguments : [];
  return first && ts.isStringLiteralLike(first) ? { specifier: first.text, typeOnly: false } : null;
}

function reachOf(node: ts.Node): string | null {
  if (ts.isNewExpression(node) && isNamed(node.expression, 'Date') && !node.arguments?.length) return 'new Date()';
  if (ts.isCallExpression(node) && isNamed(node.expression, 'Date')) return 'Date()';
  if (ts.isPropertyAccessExpression(node)) {
    const whole = `${rootName(node.expression)}.${node.name.text}`;
    if (['Date.now', 'Math.random', 'process.env'].includes(whole)) return whole;
  }
  if (ts.isElementAccessExpression(node) && isNamed(node.expression, 'process')) return 'process.env';
  if (ts.isVariableDeclaration(node) && node.initializer && isNamed(node.initializer, 'process')) return 'process.env';
  if (ts.isIdentifier(node) && reachingGlobals.has(node.text) && isReference(node)) return node.text;
  return null;
}

const isNamed = (node: ts.Node, name: string): boolean => ts.isIdentifier(node) && node.text === name;

/** The identifier at the left end of `a.b.c`; `globalThis.` is looked through. */
function rootName(node: ts.Expression): string {
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isPropertyAccessExpression(node)) {
    return isNamed(node.expression, 'globalThis') ? node.name.text : rootName(node.expression);
  }
  return '';
}

/** False where the word only names a member, a parameter or a key of its own. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node || isNamed(parent.expression, 'globalThis');
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent)) return parent.initializer === node;
  return !(
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isBindingElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isTypeReferenceNode(parent)
  );
}
