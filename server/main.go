// Command vitrine runs a real language model and a page that shows every number
// on its way from the prompt to the next token.
//
//	vitrine [serve]     the page and the server behind it
//	vitrine pull        fetch a model
//	vitrine models      the known models
//	vitrine tokenize    text to token ids
//	vitrine generate    continue a prompt
//	vitrine trace       every hidden state, attention weight and logit to a file
//	vitrine bench       measure the speed, and compare it with llama.cpp's
//	vitrine perplexity  measure how well a text is predicted
//	vitrine quantize    write a model in another number format
//
// Data goes to standard output, JSON with --json; everything else goes to
// standard error. The exit status is 0 when all went well, 1 when something
// failed, 2 when the command line was wrong, and 130 when it was interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 128 + int(syscall.SIGINT) // as shells count
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a clean end, a second one ends the process.
	context.AfterFunc(ctx, restore)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run carries out one command line and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	c := &cli{in: in, out: out, err: errOut}
	err := c.execute(ctx, args)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		fmt.Fprintln(errOut, "vitrine: interrupted")
		return exitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "vitrine: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(errOut, "vitrine: %v\n", err)
	return exitFailed
}
