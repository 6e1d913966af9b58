// Package recording keeps a session in a file: the frames that the page
// received, with their times, and a label that says what it is. Replaying is
// applying the frames again (NewRecorded of package session); questions find
// only the answers that were recorded.
//
// # Format
//
// All numbers are little-endian.
//
//	4 bytes   "VTRN"
//	1 byte    Version
//	1 byte    number of label entries
//	          an entry: uint16 length and UTF-8 of its key, the same of its value
//	          then records to the end of the file:
//	uint32    milliseconds since the recording began, never less than the record before
//	uint32    length of the frame in bytes
//	          the frame as it crossed the wire (package wire), with its own version
//
// Keys are "title", "model", "date" and "note"; a reader passes over others,
// so that later versions can say more. A file of another Version is refused.
//
// A file that was cut off, as by a full disk, still plays to its last whole
// record: [Reader.Err] says what is wrong after that.
package recording
