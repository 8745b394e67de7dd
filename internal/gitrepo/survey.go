package gitrepo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// What is fetched is small; whoever can push could make it large, and a pack of little size hold much.
const (
	largestPack   = 16 << 20
	largestObject = 8 << 20
	largestAll    = 256 << 20 // of its objects together
	mostEntries   = 100_000   // of the trees of all of its commits
)

var errPackTooLarge = fmt.Errorf("it is larger than %d MB", largestPack>>20)

// bounds are how large an object may be, and all of them together.
type bounds struct{ object, all uint64 }

// survey refuses a pack whose objects would be too large, before any of them is made.
func survey(pack []byte, most bounds) error {
	scan := packfile.NewScanner(bytes.NewReader(pack))
	_, count, err := scan.Header()
	if err != nil {
		return fmt.Errorf("the pack: %w", err)
	}
	var all uint64
	for range count {
		header, err := scan.NextObjectHeader()
		if err != nil {
			return fmt.Errorf("the pack: %w", torn(err))
		}
		if header.Length > int64(most.object) {
			return most.passed()
		}
		var content bytes.Buffer
		if _, _, err := scan.NextObject(&content); err != nil {
			return fmt.Errorf("the pack: %w", torn(err))
		}
		size := uint64(content.Len())
		if header.Type == plumbing.OFSDeltaObject || header.Type == plumbing.REFDeltaObject {
			if size, err = resultOf(content.Bytes()); err != nil {
				return fmt.Errorf("the pack: %w", err)
			}
		}
		if all += size; size > most.object || all > most.all {
			return most.passed()
		}
	}
	return nil
}

func (b bounds) passed() error {
	return fmt.Errorf("a file in it is larger than %d MB, or all of its versions together than %d MB", b.object>>20, b.all>>20)
}

// resultOf returns the size of the object that a delta makes: it begins with its base's and its result's.
func resultOf(delta []byte) (uint64, error) {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, errors.New("a delta in it is malformed")
	}
	size, n := binary.Uvarint(delta[n:])
	if n <= 0 {
		return 0, errors.New("a delta in it is malformed")
	}
	return size, nil
}

// torn says of an end that is none of the pack's that it is not to be expected.
func torn(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
