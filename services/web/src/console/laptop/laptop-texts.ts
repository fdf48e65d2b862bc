import { consoleTexts } from "../console-texts.ts";

export const laptopTexts = consoleTexts({
  en: {
    killProcess: "Kill a process",
    killExplanation: "As kill -9 does, in the middle of whatever it does. The launcher starts it again.",
    theProcesses: "the processes",
    processes: "Processes",
    running: "running",
    beingStarted: "being started",
    processId: "Process id",
    unexpectedEnds: "Unexpected ends",
    kill: "Kill",
    killOne: (name: string) => `Kill ${name}`,
    load: "Load",
    loadExplanation:
      "Checkouts of products and customers of its own, who want twice what there is and have half of what it costs.",
    rate: "Checkouts a second",
    seconds: "Seconds",
    start: "Start the load",
    stop: "Stop the load",
    runningSince: (rate: string, span: string, time: string) => `${rate} a second for ${span}, running since ${time}`,
    ended: (rate: string, span: string, time: string, end: string) =>
      `${rate} a second for ${span}, ended ${time} with ${end}`,
    output: "Output of the load",
  },
  de: {
    killProcess: "Einen Prozess abbrechen",
    killExplanation: "Wie mit kill -9, mitten in dem, was er gerade tut. Der Launcher startet ihn wieder.",
    theProcesses: "die Prozesse",
    processes: "Prozesse",
    running: "läuft",
    beingStarted: "wird gestartet",
    processId: "Prozess-Id",
    unexpectedEnds: "Unerwartete Enden",
    kill: "Abbrechen",
    killOne: (name) => `${name} abbrechen`,
    load: "Last",
    loadExplanation:
      "Bestellt eigene Produkte für eigene Kunden, die doppelt so viel wollen, wie es gibt, und halb so viel Geld haben, wie es kostet.",
    rate: "Bestellungen je Sekunde",
    seconds: "Sekunden",
    start: "Last starten",
    stop: "Last anhalten",
    runningSince: (rate, span, time) => `${rate} je Sekunde für ${span}, läuft seit ${time}`,
    ended: (rate, span, time, end) => `${rate} je Sekunde für ${span}, beendet ${time} mit ${end}`,
    output: "Ausgabe der Last",
  },
});
