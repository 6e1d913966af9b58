package view

import "vitrine/visualizer/wire"

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

	FuncStep          = "engine.(*Engine).stepOnce"
	FuncRate          = "server/session.(*rate).perSecond"
	FuncReadBandwidth = "server/machine.ReadBandwidth"

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
	FuncTimeShare      = "visualizer/view.TimeShare"
	FuncTimeTotals     = "visualizer/view.TimeTotals"
	FuncBandwidth      = "visualizer/view.Bandwidth"
)

// Backend methods that the page names before a frame did.
const (
	MethodAttention = "Attention"
	MethodRoPE      = "RoPE"
	MethodMatMul    = "MatMul"
	methodRMSNorm   = "RMSNorm"
	methodNormHeads = "RMSNormHeads"
	methodStoreKV   = "StoreKV"
	methodGLU       = "GLU"
	methodMatMulGLU = "MatMulGLU"
	methodAdd       = "Add"

	methodEmbed = "Embed"

	// FuncAllReduce adds up what the ranks of a divided model have.
	FuncAllReduce = "engine/backend/parallel.(*rank).reduce"
	// The ref backend does these with what it has in common with others.
	funcEmbed   = "engine/backend/host.Memory.Embed"
	funcStoreKV = "engine/backend/host.Memory.StoreKV"
)

// embedFunc is the function that copies rows of the embedding matrix.
func embedFunc(backend string) string {
	if backend == "ref" {
		return funcEmbed
	}
	return BackendFunc(backend, methodEmbed)
}

// BackendFunc is the function that does an operation on a backend.
func BackendFunc(backend, method string) string {
	return "engine/backend/" + backend + ".(*Backend)." + method
}

// OperationFunc is the function that does what takes time in a step; empty for
// no item.
func OperationFunc(backend string, item TimeItem) string {
	method := ""
	switch item {
	case TimeItem(wire.OperationEmbed):
		return embedFunc(backend)
	case ItemDraw:
		return FuncSample
	case ItemRest:
		return FuncStep
	case TimeItem(wire.OperationEmbedAllReduce), TimeItem(wire.OperationAttnAllReduce), TimeItem(wire.OperationFFNAllReduce):
		return FuncAllReduce
	case TimeItem(wire.OperationQKNorm):
		method = methodNormHeads
	case TimeItem(wire.OperationRoPE):
		method = MethodRoPE
	case TimeItem(wire.OperationStoreKV):
		if backend == "ref" {
			return funcStoreKV
		}
		method = methodStoreKV
	case TimeItem(wire.OperationAttention):
		method = MethodAttention
	case TimeItem(wire.OperationResidMid), TimeItem(wire.OperationResidOut):
		method = methodAdd
	case TimeItem(wire.OperationActivation):
		method = methodGLU
	case TimeItem(wire.OperationGatedUnit):
		method = MethodMatMul
		if backend == "cpu" { // the others do one after the other
			method = methodMatMulGLU
		}
	default:
		switch {
		case ReadsWeights(item):
			method = MethodMatMul
		case item < ItemDraw:
			method = methodRMSNorm
		default:
			return ""
		}
	}
	return BackendFunc(backend, method)
}

// Functions lists all names above for a model that runs on a backend.
func Functions(backend string) []string {
	names := []string{
		FuncEncode, FuncMerges, FuncSample, FuncScore, FuncUnembed, FuncNeighbours, FuncProject, FuncNorm,
		FuncGrow, FuncFill, FuncNewPool, FuncSlot, FuncMemory,
		FuncShares, FuncCell, FuncFlowLines, FuncVectorLines, FuncProbability, FuncProjectedLines, FuncCosineLines,
		FuncBlockBytes, FuncContiguous, FuncWaste, FuncPlace, FuncStep, FuncRate, FuncReadBandwidth, FuncTimeShare, FuncTimeTotals, FuncBandwidth,
	}
	for _, method := range []string{MethodAttention, MethodRoPE, MethodMatMul, methodRMSNorm, methodAdd} {
		names = append(names, BackendFunc(backend, method))
	}
	for item := range NumTimeItems {
		names = append(names, OperationFunc(backend, item))
	}
	return names
}
