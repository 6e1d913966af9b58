package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"vitrine/server/app"
)

// shutdownTimeout bounds how long connections may take to end.
const shutdownTimeout = 10 * time.Second

func (c *cli) serveCommand() *cobra.Command {
	var (
		m      modelFlags
		config app.Config
		noOpen bool
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server with its page (the default command)",
		Long: "Serves the page and opens it in the browser. The default model is fetched when it is\n" +
			"not here yet; the page works meanwhile. GET /health answers 200 once the model does.",
		Example: "  vitrine\n  vitrine serve --addr 127.0.0.1:9000 --model ./model.gguf --no-open",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if config.Run, err = m.options(); err != nil {
				return err
			}
			config.Model = m.name
			if config.Engine.URL == "" && (cmd.Flags().Changed("engine-api-key") || cmd.Flags().Changed("engine-model") || cmd.Flags().Changed("engine-kv-events")) {
				return usagef("--engine-api-key, --engine-model and --engine-kv-events need --engine")
			}
			if config.Engine.APIKey == "" {
				config.Engine.APIKey = os.Getenv("VITRINE_ENGINE_API_KEY")
			}
			return c.serve(cmd.Context(), config, !noOpen)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&config.Addr, "addr", "127.0.0.1:8080", "address to listen on, host:port; port 0 takes a free one")
	m.add(flags)
	flags.IntVar(&config.Blocks, "kv-blocks", 0, "KV blocks in the pool; 0 takes enough for the model's longest sequence, up to half of the memory")
	flags.IntVar(&config.MaxSessions, "max-sessions", 0, "chats that are kept at once; 0 takes the default of 64")
	flags.StringArrayVar(&config.AllowHosts, "allow-host", nil, "also serve pages that ask for this host name; may be repeated")
	flags.StringVar(&config.Engine.URL, "engine", "", "show a model that runs elsewhere: the address of vLLM or another server with OpenAI's API, http://host:8000")
	flags.StringVar(&config.Engine.APIKey, "engine-api-key", "", "key for --engine; better in the environment as VITRINE_ENGINE_API_KEY, where other users do not see it")
	flags.StringVar(&config.Engine.Model, "engine-model", "", "which of the models that --engine serves; empty takes the first")
	flags.StringVar(&config.Engine.KVEvents, "engine-kv-events", "", "where --engine publishes the events of its KV blocks, tcp://host:5557 (vLLM's --kv-events-config)")
	flags.BoolVar(&noOpen, "no-open", false, "do not open the browser")
	return cmd
}

// serve runs the server until ctx is cancelled or serving fails.
func (c *cli) serve(ctx context.Context, config app.Config, open bool) error {
	download := newDownloadDisplay(c.err)
	defer download.close()
	config.Version, config.Log, config.Fetched = version(), c.log, download.show
	// The server ends by Shutdown, not by the signal itself, so that it can
	// say goodbye to the pages.
	a, err := app.Start(context.WithoutCancel(ctx), config)
	if err != nil {
		return configUsage(err)
	}
	fmt.Fprintf(c.out, "Vitrine is at %s (Ctrl+C ends it)\n", a.URL())
	if open && hasDesktop() {
		go func() {
			if err := browser.OpenURL(a.URL()); err != nil {
				c.log.Info("the browser could not be opened", "error", err)
			}
		}()
	}
	select {
	case <-ctx.Done():
		c.log.Info("shutting down")
	case <-a.Stopped():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return a.Shutdown(ending)
}

// configUsage turns an error about a configuration into one about its flag.
func configUsage(err error) error {
	var wrong *app.ConfigError
	if errors.As(err, &wrong) {
		return usagef("--%w", err)
	}
	return err
}

// hasDesktop tells whether there is a screen to open a browser on.
func hasDesktop() bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return true
	}
	return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}
