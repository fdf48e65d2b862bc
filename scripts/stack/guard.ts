import { spawn } from "node:child_process";

export type Guard = {
  /** Ends the process with the signal when this process is gone; the answer lets it go again. */
  watch(pid: number, signal: "TERM" | "INT" | "KILL"): () => void;
  /** Kills all that it watches, at once. */
  killAll(): void;
  /** Ends the guard itself; what it still watches lives on. */
  dispose(): void;
};

/**
 * Ends what this process started when this process is killed with -9 and cannot do it itself. Node has no
 * PR_SET_PDEATHSIG, and a process whose parent died just goes on, so a shell of about a megabyte waits for the end of
 * its standard input, which the kernel closes in every case. It gets the whole list anew at each change and believes
 * only whole lines.
 */
export function createGuard(): Guard {
  const watched = new Map<number, string>();
  const shell = spawn("/bin/sh", ["-c", script, "sagacart-guard"], {
    // A session of its own: Ctrl-C in the terminal must not end it before the others.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // A guard that could not start or was ended is no reason to fail: it only tidies up after a crash.
  shell.on("error", () => undefined);
  shell.stdin.on("error", () => undefined);
  shell.unref();
  // It is a socket underneath, though typed as a stream: it must not keep this process alive.
  if ("unref" in shell.stdin && typeof shell.stdin.unref === "function") shell.stdin.unref();

  const tell = () => {
    if (shell.stdin.writable)
      shell.stdin.write(`${[...watched].map(([pid, signal]) => `${signal} ${pid}`).join(" ")}\n`);
  };
  return {
    watch(pid, signal) {
      watched.set(pid, signal);
      tell();
      return () => {
        if (watched.delete(pid)) tell();
      };
    },
    killAll() {
      for (const pid of watched.keys()) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It has ended meanwhile.
        }
      }
    },
    dispose() {
      shell.stdin.end("\n");
    },
  };
}

// Everything is asked at once, the newest first; what is still there after ten seconds is killed. The parent removes
// from the list what it ended itself, so that a number that was given to somebody else is never hit.
const script = `
trap '' HUP INT TERM
list=
while read -r line; do list=$line; done
set -- $list
order=
while [ $# -ge 2 ]; do order="$1 $2 $order"; shift 2; done
set -- $order
while [ $# -ge 2 ]; do kill -s "$1" "$2" 2>/dev/null; shift 2; done
set -- $order
tries=0
while [ $# -ge 2 ]; do
  if kill -0 "$2" 2>/dev/null && [ $tries -lt 100 ]; then tries=$((tries + 1)); sleep 0.1; continue; fi
  kill -s KILL "$2" 2>/dev/null
  shift 2
done
`;
