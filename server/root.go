package main

import (
	"context"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// cli is one run of the program: where it reads and writes.
type cli struct {
	in       io.Reader
	out, err io.Writer
	level    slog.LevelVar
	log      *slog.Logger
}

// execute carries out a command line.
func (c *cli) execute(ctx context.Context, args []string) error {
	c.log = slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: &c.level}))
	root := c.rootCommand()
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetArgs(c.withDefault(root, args))
	err := root.ExecuteContext(ctx)
	if err != nil && strings.HasPrefix(err.Error(), "unknown command") {
		return &usageError{err}
	}
	return err
}

func (c *cli) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "vitrine",
		Short: "A large language model under glass",
		Long: "Vitrine runs a real language model and a page that shows every number on its way\n" +
			"from the prompt to the next token. Without a command it does what serve does.",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	level := newChoice("info", "debug", "info", "warn", "error")
	root.PersistentFlags().Var(level, "log-level", "least important messages on standard error: "+level.list())
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		return c.level.UnmarshalText([]byte(level.value))
	}
	root.AddCommand(
		c.serveCommand(), c.pullCommand(), c.modelsCommand(), c.tokenizeCommand(),
		c.generateCommand(), c.traceCommand(), c.benchCommand(),
		c.perplexityCommand(), c.quantizeCommand(),
		c.clientCommand(), c.recordCommand(),
	)
	return root
}

// withDefault puts "serve" in front of a command line that names no command
// and asks for neither help nor the version.
func (c *cli) withDefault(root *cobra.Command, args []string) []string {
	if len(args) > 0 && (!strings.HasPrefix(args[0], "-") || slices.Contains([]string{"-h", "--help", "-v", "--version"}, args[0])) {
		return args
	}
	// Flags come first. Those of serve say which of them take the word behind
	// them; what is left may name a command after flags of the root.
	flags := c.serveCommand().Flags()
	flags.AddFlagSet(root.PersistentFlags())
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.BoolP("help", "h", false, "") // or the parser stops there
	if err := flags.Parse(args); err == nil && flags.NArg() > 0 {
		if found, _, err := root.Find(flags.Args()); err == nil && found != root {
			return args
		}
	}
	return append([]string{"serve"}, args...)
}

// version is the version of the binary's module, or the revision it was built
// from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(len(s.Value), 12)]
		}
	}
	return "devel"
}
