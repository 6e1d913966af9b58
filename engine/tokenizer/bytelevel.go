package tokenizer

import "unicode/utf8"

// Byte-level BPE spells bytes as printable characters, so that a vocabulary can
// be a text file: the printable bytes of Latin-1 stand for themselves, the other
// 68 for the characters from U+0100 on, in order (a space is Ġ, a newline Ċ).
// Source: bytes_to_unicode in GPT-2's encoder.py (Radford et al., 2019).
var (
	byteToChar [256]rune
	charToByte [324]int16 // -1 where the character stands for no byte
)

func init() {
	for c := range charToByte {
		charToByte[c] = -1
	}
	next := rune(256)
	for b := range 256 {
		c := rune(b)
		printable := '!' <= c && c <= '~' || '¡' <= c && c <= '¬' || '®' <= c && c <= 'ÿ'
		if !printable {
			c = next
			next++
		}
		byteToChar[b] = c
		charToByte[c] = int16(b)
	}
}

// appendSpelled appends the byte-level spelling of text to dst.
func appendSpelled(dst []byte, text string) []byte {
	for i := range len(text) {
		dst = utf8.AppendRune(dst, byteToChar[text[i]])
	}
	return dst
}

// appendUnspelled appends the bytes that a byte-level piece stands for to dst. A
// piece with a character outside the alphabet is not spelled at all and stands
// for its own UTF-8, as in the reference decoder.
func appendUnspelled(dst []byte, piece string) []byte {
	from := len(dst)
	for _, c := range piece {
		if int(c) >= len(charToByte) || charToByte[c] < 0 {
			return append(dst[:from], piece...)
		}
		dst = append(dst, byte(charToByte[c]))
	}
	return dst
}
