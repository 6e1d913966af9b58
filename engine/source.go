package engine

import (
	"embed"

	"vitrine/engine/model"
)

// Sources is the engine's own text, [FuncName]'s functions among it, so that
// whoever shows a number can show the function that computed it.
//
//go:embed *.go backend/*.go backend/*/*.go kvcache/*.go model/*.go sampler/*.go scheduler/*.go tokenizer/*.go
var Sources embed.FS

// FuncName is the function that computes the numbers at a point when the
// model runs on the named backend: the folder of its package and its name as
// the run time writes it, "engine/backend/cpu.(*Backend).RMSNorm".
func FuncName(p model.Point, backend string) string {
	method := map[model.Point]string{
		model.Embed: "Embed", model.AttnNorm: "RMSNorm", model.Q: "MatMul", model.K: "MatMul", model.V: "MatMul",
		model.QRope: "RoPE", model.KRope: "RoPE", model.Probs: "Attention", model.AttnOut: "Attention", model.OProj: "MatMul",
		model.ResidMid: "Add", model.FFNNorm: "RMSNorm", model.Gate: "MatMul", model.Up: "MatMul", model.SiLUMul: "GLU",
		model.Down: "MatMul", model.AttnPostNorm: "RMSNorm", model.FFNPostNorm: "RMSNorm", model.ResidOut: "Add", model.FinalNorm: "RMSNorm", model.Logits: "MatMul",
	}[p]
	if method == "" {
		return ""
	}
	if p == model.Embed && backend == "ref" { // it copies rows of the matrix with what it has in common with others
		return "engine/backend/host.Memory.Embed"
	}
	return "engine/backend/" + backend + ".(*Backend)." + method
}
