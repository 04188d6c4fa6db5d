/**
 * How a command line of signalbox.yaml is started. A simple command replaces the shell (`exec`), so that signals and the exit code
 * are the program's own; anything that needs the shell keeps it.
 */
export function shellArgv(command: string): [string, ...string[]] {
  return ['/bin/sh', '-c', isSimple(command) ? `exec ${command}` : command];
}

const needsShell = /[;&|<>()`\n{}!*?[\]~]|\$\(|^\s*[A-Za-z_]\w*=/;
/** Words that are the shell's own and have no program. */
const shellWords = new Set(
  '. : alias bg break case cd command continue eval exec exit export fg for function getopts hash if jobs local read readonly return set shift source times trap type ulimit umask unalias unset until wait while'.split(
    ' ',
  ),
);

const isSimple = (command: string): boolean => {
  const first = command.trim().split(/\s+/, 1)[0] ?? '';
  return first !== '' && !needsShell.test(command) && !shellWords.has(first);
};
