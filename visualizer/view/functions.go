package view

// The functions that compute what the page shows, by the names that
// [wire.QuerySource] takes: the folder of the package, and the name as the run
// time writes it. (A test of server/session finds the source of each, and that
// the page knows no other names than those of [Functions], of a frame, and of
// wasm/resample.)
const (
	FuncEncode     = "engine/tokenizer.(*Tokenizer).Encode"
	FuncMerges     = "engine/tokenizer.(*Tokenizer).Trace"
	FuncSample     = "engine/sampler.(*Sampler).Sample"
	FuncScore      = "engine/sampler.(*Sampler).Score"
	FuncUnembed    = "engine/model.(*Model).Unembed"
	FuncNeighbours = "engine.(*Engine).Neighbours"
	FuncProject    = "visualizer/project.Layers"
	FuncNorm       = "server/session.euclid"

	FuncGrow    = "engine/kvcache.(*Pool).Grow"
	FuncFill    = "engine/kvcache.(*Pool).Fill"
	FuncNewPool = "engine/kvcache.NewPool"
	FuncSlot    = "engine/kvcache.(*Table).Slot"
	FuncMemory  = "visualizer/session.(*Session).Memory"

	// These fill operands into formulas.
	FuncShares         = "visualizer/view.Shares"
	FuncCell           = "visualizer/view.Cell"
	FuncFlowLines      = "visualizer/view.FlowLines"
	FuncVectorLines    = "visualizer/view.VectorLines"
	FuncProbability    = "visualizer/view.Probability"
	FuncProjectedLines = "visualizer/view.ProjectedLines"
	FuncCosineLines    = "visualizer/view.CosineLines"
	FuncBlockBytes     = "visualizer/view.BlockBytes"
	FuncContiguous     = "visualizer/view.ContiguousBytes"
	FuncWaste          = "visualizer/view.WasteBytes"
	FuncPlace          = "visualizer/view.Place"
)

// Backend methods that the page names before a frame did.
const (
	MethodAttention = "Attention"
	MethodRoPE      = "RoPE"
	MethodMatMul    = "MatMul"
	methodRMSNorm   = "RMSNorm"
	methodAdd       = "Add"

	funcEmbed = "engine/backend/host.Memory.Embed"
)

// BackendFunc is the function that does an operation on a backend.
func BackendFunc(backend, method string) string {
	return "engine/backend/" + backend + ".(*Backend)." + method
}

// Functions lists all names above for a model that runs on a backend.
func Functions(backend string) []string {
	names := []string{
		FuncEncode, FuncMerges, FuncSample, FuncScore, FuncUnembed, FuncNeighbours, FuncProject, FuncNorm,
		FuncGrow, FuncFill, FuncNewPool, FuncSlot, FuncMemory,
		FuncShares, FuncCell, FuncFlowLines, FuncVectorLines, FuncProbability, FuncProjectedLines, FuncCosineLines,
		FuncBlockBytes, FuncContiguous, FuncWaste, FuncPlace, funcEmbed,
	}
	for _, method := range []string{MethodAttention, MethodRoPE, MethodMatMul, methodRMSNorm, methodAdd} {
		names = append(names, BackendFunc(backend, method))
	}
	return names
}
