package web

// A hallOption is one of the values of a control of the hall.
type hallOption struct {
	Value  string
	Word   string // message key; empty if the value says it
	Chosen bool
}

// A hallField is one of the engine's options that the hall can be set up with.
type hallField struct {
	ID, Word, Help string
	Options        []hallOption
}

// numbers are options that say themselves; chosen is that which stands there at first.
func numbers(chosen string, values ...string) []hallOption {
	options := make([]hallOption, len(values))
	for i, v := range values {
		options[i] = hallOption{Value: v, Chosen: v == chosen}
	}
	return options
}

func hallSorts() []hallOption {
	return []hallOption{
		{Value: "0", Word: "hall.sort_short"}, {Value: "1", Word: "hall.sort_long"}, {Value: "2", Word: "hall.sort_mixed", Chosen: true},
		{Value: "3", Word: "hall.sort_shared"}, {Value: "4", Word: "hall.sort_own"},
	}
}

// hallOutputs are the numbers of answers to a request that can be asked for.
func hallOutputs() []hallOption { return numbers("1", "1", "2", "4", "8") }

func hallFields() []hallField {
	return []hallField{
		{"blocks", "hall.blocks", "hall.blocks_help", numbers("64", "16", "32", "64", "128", "256", "512")},
		{"size", "hall.size", "hall.size_help", numbers("16", "4", "8", "16", "32")},
		{"batch", "hall.batch", "hall.batch_help", numbers("64", "16", "32", "64", "128", "256")},
		{"sequences", "hall.sequences", "hall.sequences_help", numbers("16", "1", "2", "4", "8", "16", "32", "64")},
		{"policy", "hall.policy", "hall.policy_help", []hallOption{
			{Value: "0", Word: "hall.continuous", Chosen: true}, {Value: "1", Word: "hall.static"}, {Value: "2", Word: "hall.one"},
		}},
		{"memory", "hall.kind", "hall.kind_help", []hallOption{
			{Value: "0", Word: "hall.paged", Chosen: true}, {Value: "1", Word: "hall.contiguous"}, {Value: "2", Word: "hall.no_cache"},
		}},
		{"prefix", "hall.prefix", "hall.prefix_help", []hallOption{
			{Value: "1", Word: "hall.prefix_on", Chosen: true}, {Value: "0", Word: "hall.prefix_off"},
		}},
		{"drafts", "hall.drafts", "hall.drafts_help", []hallOption{
			{Value: "0", Word: "hall.drafts_off", Chosen: true}, {Value: "2", Word: "hall.drafts_2"}, {Value: "4", Word: "hall.drafts_4"}, {Value: "8", Word: "hall.drafts_8"},
		}},
	}
}

func hallRaces() []hallOption {
	return []hallOption{
		{Value: "1", Word: "hall.race_memory"}, {Value: "2", Word: "hall.race_batch"},
		{Value: "3", Word: "hall.race_prefix"}, {Value: "4", Word: "hall.race_kv"},
		{Value: "5", Word: "hall.race_lookup"},
	}
}

func hallMeters() []hallOption {
	return []hallOption{
		{Value: "rate", Word: "hall.m_rate"}, {Value: "first", Word: "hall.m_first"}, {Value: "between", Word: "hall.m_between"},
		{Value: "held", Word: "hall.m_held"}, {Value: "waste", Word: "hall.m_waste"}, {Value: "hits", Word: "hall.m_hits"},
		{Value: "running", Word: "hall.m_running"}, {Value: "waiting", Word: "hall.m_waiting"}, {Value: "preempted", Word: "hall.m_preempted"},
		{Value: "copied", Word: "hall.m_copied"}, {Value: "evicted", Word: "hall.m_evicted"}, {Value: "accepted", Word: "hall.m_accepted"},
		{Value: "length", Word: "hall.m_length"},
	}
}

// hallEvents is how many of the latest events are listed.
const hallEvents = 6

// A panel is a part of the hall that its help explains.
type panel struct{ Name, Shows string } // message keys

func hallPanels() []panel {
	return []panel{
		{"hall.requests", "guide.requests"}, {"hall.engine", "guide.engine"}, {"hall.memory", "guide.memory"}, {"guide.chosen_name", "guide.chosen"},
		{"hall.happened", "guide.happened"}, {"hall.gantt", "guide.gantt"}, {"hall.meters", "guide.meters"}, {"hall.races", "guide.races"},
	}
}

// hallTerms are the words that the hall's help explains, in the order in which a
// request meets them.
func hallTerms() []term {
	return []term{
		{"guide.paging", "guide.paging_twin", "guide.paging_means"},
		{"guide.batching", "guide.batching_twin", "guide.batching_means"},
		{"guide.chunks", "guide.chunks_twin", "guide.chunks_means"},
		{"guide.prefix", "guide.prefix_twin", "guide.prefix_means"},
		{"guide.eviction", "guide.eviction_twin", "guide.eviction_means"},
		{"guide.sampling", "guide.sampling_twin", "guide.sampling_means"},
		{"guide.copy", "guide.copy_twin", "guide.copy_means"},
		{"guide.preemption", "guide.preemption_twin", "guide.preemption_means"},
		{"guide.speculation", "guide.speculation_twin", "guide.speculation_means"},
	}
}
