package transport

import (
	"errors"
	"io"
	"time"
)

var (
	errSilent = errors.New("no byte moved for too long")
	errSlow   = errors.New("it took too long to arrive")
)

// watch ends an attempt on which nothing moves any more. It measures real time, as a network does.
type watch struct {
	timer    *time.Timer
	patience time.Duration
}

func newWatch(patience time.Duration, end func()) *watch {
	return &watch{timer: time.AfterFunc(patience, end), patience: patience}
}

func (w *watch) stop() { w.timer.Stop() }

// over returns body with every byte that moves counted as a sign of life.
func (w *watch) over(body io.ReadCloser) io.ReadCloser { return &watched{ReadCloser: body, watch: w} }

type watched struct {
	io.ReadCloser
	watch *watch
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	// Stop says whether the watch still ran: one that has ended the attempt is not wound up again.
	if n > 0 && b.watch.timer.Stop() {
		b.watch.timer.Reset(b.watch.patience)
	}
	return n, err
}
