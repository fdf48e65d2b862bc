import { spawn } from "node:child_process";

export type Guard = {
  /** Sends the signal to the process when this process is gone. Returns a function that stops the watching. */
  watch(pid: number, signal: "TERM" | "INT" | "KILL"): () => void;
  /** Kills all watched processes at once. */
  killAll(): void;
  /** Ends the guard itself; the processes go on. */
  dispose(): void;
};

/**
 * Ends the children of this process if it is killed with SIGKILL. Node has no PR_SET_PDEATHSIG and orphans go on, so a
 * shell of about 1 MB waits for the end of its standard input, which the kernel closes in every case. It receives the
 * whole list at each change and uses only complete lines.
 */
export function createGuard(): Guard {
  const watched = new Map<number, string>();
  const shell = spawn("/bin/sh", ["-c", script, "sagacart-guard"], {
    // A separate session: Ctrl-C in the terminal must not end it before the others.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Go on without a guard if it fails: it only cleans up after a crash.
  shell.on("error", () => undefined);
  shell.stdin.on("error", () => undefined);
  shell.unref();
  // It is typed as a stream but is a socket, which would keep this process alive.
  if ("unref" in shell.stdin && typeof shell.stdin.unref === "function") shell.stdin.unref();

  const sendList = () => {
    if (shell.stdin.writable)
      shell.stdin.write(`${[...watched].map(([pid, signal]) => `${signal} ${pid}`).join(" ")}\n`);
  };
  return {
    watch(pid, signal) {
      watched.set(pid, signal);
      sendList();
      return () => {
        if (watched.delete(pid)) sendList();
      };
    },
    killAll() {
      for (const pid of watched.keys()) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It has already ended.
        }
      }
    },
    dispose() {
      shell.stdin.end("\n");
    },
  };
}

// Signals all processes, the newest first, and kills those that are still there after ten seconds. The parent removes
// processes that have ended from the list, so a reused process id is never signalled.
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
