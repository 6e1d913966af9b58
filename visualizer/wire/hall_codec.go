package wire

// DecodeHallFrame reads the one frame of the hall that b holds, as
// [DecodeFrame] does those of the chat. [Problem], [Source], [Pong] and [Bundle] are
// told in both.
func DecodeHallFrame(b []byte) (Frame, error) {
	k, err := KindOf(b)
	if err != nil {
		return nil, err
	}
	f := newHallFrame(k)
	if f == nil {
		return nil, &Error{Kind: k, Field: "Kind", Offset: 1, Want: "a frame of the hall (server to page)"}
	}
	if err := decodeFields(b, f); err != nil {
		return nil, err
	}
	return f, nil
}

// DecodeHallCommand reads the one command of the hall that b holds, as
// [DecodeCommand] does those of the chat. [Query], [Ping] and [Pace] are
// taken in both.
func DecodeHallCommand(b []byte) (Command, error) {
	k, err := KindOf(b)
	if err != nil {
		return nil, err
	}
	c := newHallCommand(k)
	if c == nil {
		return nil, &Error{Kind: k, Field: "Kind", Offset: 1, Want: "a command of the hall (page to server)"}
	}
	if err := decodeFields(b, c); err != nil {
		return nil, err
	}
	return c, nil
}

// newHallFrame is an empty frame of kind k, or nil if the hall has none such.
func newHallFrame(k Kind) Frame {
	switch k {
	case KindHallHello:
		return new(HallHello)
	case KindHallReaders:
		return new(HallReaders)
	case KindHallSnapshot:
		return new(HallSnapshot)
	case KindHallRecord:
		return new(HallRecord)
	case KindHallText:
		return new(HallText)
	case KindHallState:
		return new(HallState)
	case KindHallRace:
		return new(HallRace)
	case KindProblem:
		return new(Problem)
	case KindSource:
		return new(Source)
	case KindPong:
		return new(Pong)
	case KindBundle:
		return new(Bundle)
	}
	return nil
}

// newHallCommand is an empty command of kind k, or nil if the hall has none such.
func newHallCommand(k Kind) Command {
	switch k {
	case KindHallJoin:
		return new(HallJoin)
	case KindHallAdd:
		return new(HallAdd)
	case KindHallArrivals:
		return new(HallArrivals)
	case KindHallCancel:
		return new(HallCancel)
	case KindHallControl:
		return new(HallControl)
	case KindHallConfigure:
		return new(HallConfigure)
	case KindHallWatch:
		return new(HallWatch)
	case KindHallStartRace:
		return new(HallStartRace)
	case KindQuery:
		return new(Query)
	case KindPing:
		return new(Ping)
	case KindPace:
		return new(Pace)
	}
	return nil
}
