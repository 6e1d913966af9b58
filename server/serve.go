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
	"vitrine/server/openai"
)

// keyVariable names the environment variable that --api-key is taken from when
// it is not given: a command line can be seen by others of the machine.
const keyVariable = "VITRINE_API_KEY"

func (c *cli) serveCommand() *cobra.Command {
	var (
		m      modelFlags
		e      engineFlags
		config app.Config
		noOpen bool
		ending time.Duration
		tops   int
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server with its page (the default command)",
		Long: "Serves the page and opens it in the browser. The default model is fetched when it is\n" +
			"not here yet; the page works meanwhile. GET /health answers 200 once the model does.\n" +
			"Programs use OpenAI's API at /v1, and what vLLM adds to it; metrics are at /metrics.",
		Example: "  vitrine\n  vitrine serve --addr 127.0.0.1:9000 --model ./model.gguf --no-open",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if config.Run, err = m.options(); err != nil {
				return err
			}
			if config.Serving, err = e.options(cmd.Flags()); err != nil {
				return err
			}
			c.tellMissing(&m)
			config.Model, config.MaxLogProbs = m.name, &tops
			if config.Engine.URL == "" && (cmd.Flags().Changed("engine-api-key") || cmd.Flags().Changed("engine-model") || cmd.Flags().Changed("engine-kv-events") || cmd.Flags().Changed("engine-kv-events-replay")) {
				return usagef("--engine-api-key, --engine-model, --engine-kv-events and --engine-kv-events-replay need --engine")
			}
			if config.Engine.APIKey == "" {
				config.Engine.APIKey = os.Getenv("VITRINE_ENGINE_API_KEY")
			}
			if !cmd.Flags().Changed("api-key") {
				config.APIKey = os.Getenv(keyVariable)
			}
			if ending < 0 {
				return usagef("--shutdown-timeout: got %v, want 0 or more", ending)
			}
			return c.serve(cmd.Context(), config, ending, !noOpen)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&config.Addr, "addr", "127.0.0.1:8080", "address to listen on, host:port; port 0 takes a free one")
	m.add(flags)
	e.add(flags)
	flags.IntVar(&config.Blocks, "kv-blocks", 0, "KV blocks in the pool; 0 takes enough for the model's longest sequence, up to half of the memory")
	flags.IntVar(&config.MaxSessions, "max-sessions", 0, "chats that are kept at once; 0 takes the default of 64")
	flags.StringVar(&config.Engine.URL, "engine", "", "show a model that runs elsewhere: the address of vLLM or another server with OpenAI's API, http://host:8000")
	flags.StringVar(&config.Engine.APIKey, "engine-api-key", "", "key for --engine; better in the environment as VITRINE_ENGINE_API_KEY, where other users do not see it")
	flags.StringVar(&config.Engine.Model, "engine-model", "", "which of the models that --engine serves; empty takes the first")
	flags.StringVar(&config.Engine.KVEvents.Endpoint, "engine-kv-events", "", "where --engine publishes the events of its KV blocks, tcp://host:5557 (vLLM's --kv-events-config)")
	flags.StringVar(&config.Engine.KVEvents.Replay, "engine-kv-events-replay", "", "where --engine replays events that were missed, tcp://host:5558 (replay_endpoint of the same)")
	flags.StringVar(&config.KVEvents.Endpoint, "kv-events-endpoint", "", "publish what happens to the blocks of the prefix cache here, as vLLM does, tcp://127.0.0.1:5557; who can reach it can read all prompts")
	flags.StringVar(&config.KVEvents.ReplayEndpoint, "kv-events-replay-endpoint", "", "replay events that were missed here, tcp://127.0.0.1:5558")
	flags.StringSliceVar(&config.AllowHosts, "allowed-hosts", nil, "also answer who asks for these host names, beside the loopback names and the host of --addr")
	flags.StringVar(&config.APIKey, "api-key", "", "ask for this key everywhere but at /health: programs in Authorization: Bearer KEY, the page by a form (default: $"+keyVariable+")")
	flags.Float64Var(&config.RateLimit, "rate-limit", 0, "requests to the API, connections of pages and keys that are tried a second from one address; more get 429; of the commands on the connections of its pages 20 times as many are taken, and 200 at least; files of the page and /health do not count; 0 sets no limit")
	flags.IntVar(&config.MaxWaiting, "max-waiting", 0, "requests to the API that may wait for the engine; more get 429; 0 takes the default of 1024")
	flags.IntVar(&tops, "max-logprobs", openai.DefaultMaxLogProbs, "tokens whose log-probabilities a request to the API may have told at each place; -1 allows the whole vocabulary, which takes much memory")
	flags.DurationVar(&ending, "shutdown-timeout", 10*time.Second, "how long requests that run may take to end when the server is told to")
	flags.BoolVar(&noOpen, "no-open", false, "do not open the browser")
	return cmd
}

// serve runs the server until ctx is cancelled or serving fails.
func (c *cli) serve(ctx context.Context, config app.Config, ending time.Duration, open bool) error {
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
	until, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer cancel()
	return a.Shutdown(until)
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
