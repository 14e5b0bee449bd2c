/** k6's console; its types come with browsers' libraries, whose other globals k6 does not have. */
declare const console: { log(...data: unknown[]): void; warn(...data: unknown[]): void; error(...data: unknown[]): void };
