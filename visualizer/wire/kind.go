package wire

import "strconv"

// Version is the first byte of every message; see the package's versioning rules.
const Version = 3

// Kind is the second byte of every message and says what follows.
type Kind uint8

// Kinds of frames, server to page.
const (
	KindHello Kind = 1 + iota
	KindStatus
	KindTokens
	KindMessage
	KindState
	KindStep
	KindAttentionRows
	KindLogits
	KindBlocks
	KindBranches
	KindMerges
	KindVector
	KindNeighbours
	KindProjection
	KindHeadMatrix
	KindCell
	KindFlow
	KindLens
	KindBlockHeat
	KindPieces
	KindSource
	KindProblem
	KindPong
	KindTiming
	KindMachine
	KindBundle
	KindRemote
	KindKVRead
	KindAside
	endFrames
)

// Kinds of commands, page to server.
const (
	KindOpen Kind = 128 + iota
	KindChat
	KindComplete
	_ // was a Restore of one branch
	KindSetParams
	KindControl
	KindSubscribe
	KindQuery
	KindPing
	KindPace
	KindRestore
	KindRetry
	endCommands
)

// Kinds of the hall's frames.
const (
	KindHallHello Kind = 64 + iota
	KindHallReaders
	KindHallSnapshot
	KindHallRecord
	KindHallText
	KindHallState
	KindHallRace
	endHallFrames
)

// Kinds of the hall's commands.
const (
	KindHallJoin Kind = 192 + iota
	KindHallAdd
	KindHallArrivals
	KindHallCancel
	KindHallControl
	KindHallConfigure
	KindHallWatch
	KindHallStartRace
	endHallCommands
)

// frameNames and commandNames are indexed by the kind less the first of its
// range; they are the names of the Go types.
var (
	frameNames = [endFrames - KindHello]string{
		"Hello", "Status", "Tokens", "Message", "State", "Step", "AttentionRows", "Logits",
		"Blocks", "Branches", "Merges", "Vector", "Neighbours", "Projection", "HeadMatrix",
		"Cell", "Flow", "Lens", "BlockHeat", "Pieces", "Source", "Problem", "Pong", "Timing", "Machine",
		"Bundle", "Remote", "KVRead", "Aside",
	}
	commandNames = [endCommands - KindOpen]string{
		"Open", "Chat", "Complete", "", "SetParams", "Control", "Subscribe", "Query", "Ping", "Pace", "Restore", "Retry",
	}
	hallFrameNames = [endHallFrames - KindHallHello]string{
		"HallHello", "HallReaders", "HallSnapshot", "HallRecord", "HallText", "HallState", "HallRace",
	}
	hallCommandNames = [endHallCommands - KindHallJoin]string{
		"HallJoin", "HallAdd", "HallArrivals", "HallCancel", "HallControl", "HallConfigure", "HallWatch", "HallStartRace",
	}
)

// IsFrame says whether k is a frame that this version knows.
func (k Kind) IsFrame() bool { return k >= KindHello && k < endFrames }

// IsCommand says whether k is a command that this version knows.
func (k Kind) IsCommand() bool {
	return k >= KindOpen && k < endCommands && commandNames[k-KindOpen] != ""
}

// isHall says whether k is a frame or a command of the hall alone.
func (k Kind) isHall() bool {
	return k.isHallFrame() || k >= KindHallJoin && k < endHallCommands
}

func (k Kind) isHallFrame() bool { return k >= KindHallHello && k < endHallFrames }

// String is the name of the kind's Go type, or "Kind(n)" for an unknown one.
func (k Kind) String() string {
	switch {
	case k.IsFrame():
		return frameNames[k-KindHello]
	case k.IsCommand():
		return commandNames[k-KindOpen]
	case k.isHallFrame():
		return hallFrameNames[k-KindHallHello]
	case k.isHall():
		return hallCommandNames[k-KindHallJoin]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// newFrame is an empty frame of kind k, or nil if k is not a frame.
func newFrame(k Kind) Frame {
	switch k {
	case KindHello:
		return new(Hello)
	case KindStatus:
		return new(Status)
	case KindTokens:
		return new(Tokens)
	case KindMessage:
		return new(Message)
	case KindState:
		return new(State)
	case KindStep:
		return new(Step)
	case KindAttentionRows:
		return new(AttentionRows)
	case KindLogits:
		return new(Logits)
	case KindBlocks:
		return new(Blocks)
	case KindBranches:
		return new(Branches)
	case KindMerges:
		return new(Merges)
	case KindVector:
		return new(Vector)
	case KindNeighbours:
		return new(Neighbours)
	case KindProjection:
		return new(Projection)
	case KindHeadMatrix:
		return new(HeadMatrix)
	case KindCell:
		return new(Cell)
	case KindFlow:
		return new(Flow)
	case KindLens:
		return new(Lens)
	case KindBlockHeat:
		return new(BlockHeat)
	case KindPieces:
		return new(Pieces)
	case KindSource:
		return new(Source)
	case KindProblem:
		return new(Problem)
	case KindPong:
		return new(Pong)
	case KindTiming:
		return new(Timing)
	case KindMachine:
		return new(Machine)
	case KindBundle:
		return new(Bundle)
	case KindRemote:
		return new(Remote)
	case KindKVRead:
		return new(KVRead)
	case KindAside:
		return new(Aside)
	}
	return nil
}

// newCommand is an empty command of kind k, or nil if k is not a command.
func newCommand(k Kind) Command {
	switch k {
	case KindOpen:
		return new(Open)
	case KindChat:
		return new(Chat)
	case KindComplete:
		return new(Complete)
	case KindRestore:
		return new(Restore)
	case KindSetParams:
		return new(SetParams)
	case KindControl:
		return new(Control)
	case KindSubscribe:
		return new(Subscribe)
	case KindQuery:
		return new(Query)
	case KindPing:
		return new(Ping)
	case KindPace:
		return new(Pace)
	case KindRetry:
		return new(Retry)
	}
	return nil
}
