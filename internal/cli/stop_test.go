package cli

import (
	"os"
	"testing"
	"time"
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

func TestWhatIsEndedFindsOutWhy(t *testing.T) {
	for want, end := range map[reason]func(*stopper){
		bySignal: func(s *stopper) { s.signals <- os.Interrupt },
		byTime:   func(s *stopper) { s.within(time.Nanosecond) },
	} {
		s := newStopper()
		var why []reason
		go s.wait(func() { why = append(why, s.reason()) })
		end(s)
		<-s.finish
		s.close()
		if why[0] != want {
			t.Errorf("what ends because of %q is told %q", want, why[0])
		}
	}
}
