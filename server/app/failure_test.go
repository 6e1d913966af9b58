package app

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"vitrine/engine/hub"
	"vitrine/engine/load"
	"vitrine/server/remote"
	"vitrine/visualizer/wire"
)

// TestFailuresAreSaidInBothLanguages: the English text is the error's; the Chinese
// one names what it is about and holds no English sentence.
func TestFailuresAreSaidInBothLanguages(t *testing.T) {
	latin := regexp.MustCompile(`[A-Za-z']{2,}( [A-Za-z']+){2,}`)
	pull := func(err error) error {
		return &hub.PullError{Model: "smollm2", Attempts: []hub.Attempt{{Source: hub.FromHub, Where: "http://127.0.0.1:1", Err: err}}}
	}
	for _, c := range []struct {
		err  error
		says string // part of the Chinese text
	}{
		{fmt.Errorf("%w; take fewer with --kv-blocks", &load.MemoryError{Blocks: 1 << 30, BlockSize: 16, Memory: "8.0 GiB", Most: 900}), "--kv-blocks"},
		{&load.OptionError{Option: "kv-cache-dtype", Got: "q9", Want: "f32 or f16"}, "kv-cache-dtype"},
		{pull(errors.New("the connection was refused by the peer")), "http://127.0.0.1:1"},
		{pull(&hub.ChecksumError{Got: "1 bytes", Want: "2 bytes"}), "校验"},
		{pull(&hub.StatusError{URL: "http://127.0.0.1:1/x", Code: 404}), "smollm2"},
		{pull(&hub.DiskError{Path: "/models/a.gguf", Kept: 77, Need: 5, Err: syscall.EACCES}), "77"},
		{&hub.PathError{Path: "/models/b.gguf", Err: errors.New("there is no such file here")}, "/models/b.gguf"},
		{&remote.Error{Address: "http://127.0.0.1:2", Reason: "the server does not answer"}, "http://127.0.0.1:2"},
		{errors.New("gguf: tensor_count: want at most 12 of them"), "broken.gguf"},
	} {
		told := failure("broken.gguf", c.err).Told()
		en, zh := wire.Told(told, "en"), wire.Told(told, "zh")
		if en != c.err.Error() {
			t.Errorf("in English %q, want %q", en, c.err)
		}
		if latin.MatchString(zh) || !strings.Contains(zh, c.says) || !strings.ContainsRune(zh, '。') || strings.Contains(zh, "<no value>") || strings.Contains(zh, "told.") {
			t.Errorf("%v in Chinese: %q, want %q in it", c.err, zh, c.says)
		}
	}
	full := failure("smollm2", pull(&hub.DiskError{Path: "/models/a.gguf.part", Kept: 70_000_000, Need: 28_540_000, Err: syscall.ENOSPC}))
	for lang, want := range map[string]string{
		"en": "The disk is full: 28.5 MB more are needed for /models/a.gguf.part. The 70.0 MB that are there are kept. Make room and try again; the download goes on where it stopped.",
		"zh": "磁盘满了：/models/a.gguf.part 还需要 28.5 MB。已下载的 70.0 MB 留着。请腾出空间再试一次，下载从停下的地方继续。",
	} {
		if got := full.In(lang); got != want {
			t.Errorf("a full disk in %s: %q, want %q", lang, got, want)
		}
	}
	for _, c := range []struct {
		kept, need int64
		en, zh     string
	}{
		{0, 28_540_000, "The disk is full: 28.5 MB more are needed for /models/a. Make room and try again.", "磁盘满了：/models/a 还需要 28.5 MB。请腾出空间再试一次。"},
		{0, 0, "The disk is full, so /models/a cannot be written. Make room and try again.", "磁盘满了，无法写入 /models/a。请腾出空间再试一次。"},
	} {
		told := failure("smollm2", pull(&hub.DiskError{Path: "/models/a", Kept: c.kept, Need: c.need, Err: syscall.ENOSPC}))
		if en, zh := told.In("en"), told.In("zh"); en != c.en || zh != c.zh {
			t.Errorf("with %d bytes kept and %d needed: %q, %q", c.kept, c.need, en, zh)
		}
	}
	for source, want := range map[hub.Source]string{hub.FromHub: "模型库", hub.FromMirror: "镜像站", hub.FromPackage: "Python 软件包", "elsewhere": "elsewhere"} {
		if got := wire.Told(sourceName(source), "zh"); got != want {
			t.Errorf("%s is called %q in Chinese, want %q", source, got, want)
		}
	}
}
