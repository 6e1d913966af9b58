package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"vitrine/engine/tokenizer"
)

// tokenized is a line of output of tokenize --json.
type tokenized struct {
	IDs    []int32  `json:"ids"`
	Pieces []string `json:"pieces"`
}

func (c *cli) tokenizeCommand() *cobra.Command {
	var (
		m       modelFlags
		file    string
		asJSON  bool
		options tokenizer.EncodeOptions
		literal bool
	)
	cmd := &cobra.Command{
		Use:   "tokenize",
		Short: "Turn text into token ids",
		Long: "Reads one text a line from standard input and writes its tokens as a line.\n" +
			"With --json the text is a JSON string and the line {\"ids\":[…],\"pieces\":[…]}, where\n" +
			"pieces are the vocabulary's own spellings; else ids and pieces stand as id:\"piece\".",
		Example: "  echo '\"Hello world\"' | vitrine tokenize --json\n  echo 'Hello world' | vitrine tokenize --tokenizer tokenizer.json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.ParseSpecial = !literal
			if file != "" && cmd.Flags().Changed("model") {
				return usagef("want one of --model and --tokenizer, got both")
			}
			t, err := c.openTokenizer(cmd.Context(), m.name, file)
			if err != nil {
				return err
			}
			return tokenizeLines(cmd.Context(), t, options, c.in, c.out, asJSON)
		},
	}
	m.addName(cmd.Flags())
	cmd.Flags().StringVar(&file, "tokenizer", "", "a tokenizer.json or .gguf file (instead of --model)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON strings in, JSON objects out")
	cmd.Flags().BoolVar(&options.AddSpecial, "add-special", false, "put the model's begin and end tokens around each text")
	cmd.Flags().BoolVar(&literal, "literal", false, "take text such as <|im_start|> as letters, not as a special token")
	return cmd
}

// openTokenizer opens the tokenizer file or, if file is empty, the model's.
func (c *cli) openTokenizer(ctx context.Context, model, file string) (*tokenizer.Tokenizer, error) {
	if file == "" {
		found, err := c.fetch(ctx, model)
		if err != nil {
			return nil, err
		}
		file = found.Path
	}
	return tokenizer.Load(file)
}

// tokenizeLines encodes the lines of in until its end.
func tokenizeLines(ctx context.Context, t *tokenizer.Tokenizer, o tokenizer.EncodeOptions, in io.Reader, out io.Writer, asJSON bool) error {
	r, w := bufio.NewReader(in), bufio.NewWriter(out)
	for n := 1; ; n++ {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return w.Flush()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && (!asJSON || len(bytes.TrimSpace(line)) > 0) {
			err = tokenizeLine(t, o, line, w, asJSON)
		}
		// Whoever feeds us line by line waits for the answer.
		if err == nil && r.Buffered() == 0 {
			err = w.Flush()
		}
		if err != nil {
			return errors.Join(fmt.Errorf("line %d: %w", n, err), w.Flush())
		}
	}
}

// readLine returns the next line without its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxInput:
			return nil, errors.New("is longer than 64 MiB")
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
		default:
			return nil, err
		}
	}
}

func tokenizeLine(t *tokenizer.Tokenizer, o tokenizer.EncodeOptions, line []byte, w io.Writer, asJSON bool) error {
	text := string(line)
	if asJSON {
		// encoding/json would put U+FFFD in the place of what is not UTF-8.
		if !utf8.Valid(line) {
			return errors.New("is not valid UTF-8")
		}
		if err := json.Unmarshal(line, &text); err != nil {
			return fmt.Errorf("want a JSON string such as \"Hello\": %w", err)
		}
	}
	ids, err := t.Encode(text, o)
	if err != nil {
		return err
	}
	answer := tokenized{IDs: ids, Pieces: make([]string, len(ids))}
	if ids == nil {
		answer.IDs = []int32{}
	}
	for i, id := range ids {
		answer.Pieces[i] = t.Piece(id)
	}
	if asJSON {
		return writeJSON(w, answer)
	}
	shown := make([]string, len(ids))
	for i, id := range ids {
		shown[i] = fmt.Sprintf("%d:%q", id, answer.Pieces[i])
	}
	_, err = fmt.Fprintln(w, strings.Join(shown, " "))
	return err
}
