package cli

import (
	"os"
	"testing"
)

func TestAnInterruptLetsAnApplyFinishAndASecondOneDoesNot(t *testing.T) {
	ctx, s := listen(t.Context())
	defer s.close()
	var told reason
	s.gently(func(why reason) { told = why })
	s.signals <- os.Interrupt
	<-s.finish
	if ctx.Err() != nil {
		t.Error("what is in flight was abandoned")
	}
	s.signals <- os.Interrupt
	<-ctx.Done()
	<-s.ended
	if told != bySignal || !s.interrupted() {
		t.Errorf("it was told %q", told)
	}
}
