package view

import (
	"unicode/utf8"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// Share is what a token has of a character that it shares with others: bytes
// First … Last of Size, counted from 1.
type Share struct {
	Character         string // see [session.Label]
	First, Last, Size int
}

// Shares lists the characters of which the token at a position stands for a
// part only, in order: at most the last of what came before and the first of
// what follows. A character whose rest has not been drawn is not told of.
func Shares(tokens []wire.Token, position int) []Share {
	if position < 0 || position >= len(tokens) {
		return nil
	}
	// A character has four bytes at most, so three on each side are enough.
	const reach = utf8.UTFMax - 1
	text := tokens[position].Bytes
	start, end := 0, len(text)
	for i := position - 1; i >= 0 && start < reach; i-- {
		text = append(append([]byte(nil), tokens[i].Bytes...), text...)
		start += len(tokens[i].Bytes)
	}
	end += start
	for i := position + 1; i < len(tokens) && len(text)-end < reach; i++ {
		text = append(text[:len(text):len(text)], tokens[i].Bytes...)
	}
	var shares []Share
	for at := firstCharacter(text, start); at < end; {
		r, size := utf8.DecodeRune(text[at:])
		from, to := max(at, start), min(at+size, end)
		if (r != utf8.RuneError || size > 1) && from < to && to-from < size {
			shares = append(shares, Share{session.Label(text[at : at+size]), from - at + 1, to - at, size})
		}
		at += size
	}
	return shares
}

// firstCharacter is where the character begins that reaches over place at, or at
// itself if none does.
func firstCharacter(text []byte, at int) int {
	for from := at - 1; from >= 0 && from > at-utf8.UTFMax; from-- {
		if utf8.RuneStart(text[from]) {
			if _, size := utf8.DecodeRune(text[from:]); from+size > at {
				return from
			}
			break
		}
	}
	return at
}
