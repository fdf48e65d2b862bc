package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"

	"helm.sh/helm/v3/pkg/action"
)

// Makes Helm run one command after the other in one process, where HELM_MANY is set: charts/tests/render.ts builds Helm with this
// file among its own. A request is a line with arguments and a standard input, an answer a line with the output or the error.

type request struct {
	Args  []string `json:"args"`
	Input string   `json:"input"`
}

type answer struct {
	Output string `json:"output"`
	Error  string `json:"error"`
}

func init() {
	if os.Getenv("HELM_MANY") == "" {
		return
	}
	lines, answers := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		if err := answers.Encode(runOne(asked)); err != nil {
			panic(err)
		}
	}
}

func runOne(asked request) answer {
	input, giveInput, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	go func() {
		io.WriteString(giveInput, asked.Input)
		giveInput.Close()
	}()
	defer input.Close()
	// Values from `-` are read from there.
	os.Stdin = input
	var out bytes.Buffer
	command, err := newRootCmd(new(action.Configuration), &out, asked.Args)
	if err == nil {
		command.SetArgs(asked.Args)
		command.SetOut(&out)
		command.SetErr(&out)
		err = command.Execute()
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Output: out.String()}
}
