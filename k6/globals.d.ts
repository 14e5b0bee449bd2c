/** k6's console; its types come with browsers' libraries, whose other globals k6 does not have. */
declare const console: {
  log(...data: unknown[]): void;
  warn(...data: unknown[]): void;
  error(...data: unknown[]): void;
};
/** Loads a module where the code asks for it, and only there; k6 has no `import()`. */
declare function require(path: string): any;
