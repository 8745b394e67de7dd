package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// readFile returns the bytes of a regular file of a bounded size: a FIFO would never answer, and a
// device never end.
func readFile(name string, largest int64) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > largest {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, largest)
	}
	return data, nil
}
