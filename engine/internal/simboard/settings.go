package simboard

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
)

// Setting is one setting of a simulated board, NAME=VALUE.
type Setting struct {
	Name, Value string // Value is a placeholder
	Does        string // what a board with this setting does
	set         func(s *settings, name, value string) error
}

// Settings are all settings.
var Settings = []Setting{
	{FaultDHCP, "N", "gets no lease N times", count},
	{FaultTFTP, "N", "gets no answer from the TFTP server for N loads", count},
	{FaultHTTP, "N", "loses the connection in the middle of N downloads of Linux", count},
	{FaultBlock, "N", "has a medium with one bad byte, in N boots that write", count},
	{FaultFlip, "N", "stores one byte wrong in each of N writes to the medium", count},
	{FaultNoWrite, "N", "has a U-Boot that reports N writes as done and writes nothing; always: each one", countOrAlways},
	{FaultNoRead, "N", "has a U-Boot that reports N reads as done and reads nothing; always: each one", countOrAlways},
	{FaultShort, "N", "gets N files by TFTP cut off, without an error; always: each one", countOrAlways},
	{FaultDamage, "N", "gets N files by TFTP with one wrong byte; always: each one", countOrAlways},
	{FaultFirst, "N", "loses the first character of its input after autoboot was stopped, N times", count},
	{FaultReset, "STAGE[:N]", "resets once, at uboot, autoboot, dhcp, load, linux, login, shell, write or output; N: only when that is reached for the Nth time", stage},
	{FaultSilent, "STAGE", "stops printing at STAGE until it is reset, once", stage},
	{FaultOff, "STAGE", "shuts itself down once, at login, shell or in the middle of a write, and prints what Linux prints then", stageOfLinux},
	{FaultGone, "STAGE", "runs on without the station's adapter for 3 s from STAGE on, once; its output of that time is lost", stage},
	{FaultDrop, "RATE", "has a console that loses bytes with this probability: 0.005, 0.5%, or in one direction 0.5%:typed, 0.5%:printed", rateOfDirections},
	{FaultLost, "RATE", "the same as drop", rateOfDirections},
	{FaultDouble, "RATE", "has a console that repeats some bytes", rateOfDirections},
	{FaultGarble, "RATE", "has a console that flips one bit of some bytes", rateOfDirections},
	{FaultDelay, "RATE", "has a console that delays some bytes, and all after them, by 50 to 500 ms", rateOfDirections},
	{FaultNoise, "RATE", "prints kernel lines between others while Linux runs", rateOfNoise},
	{FaultTorn, "1", "has a console that delivers a few bytes at a time", func(s *settings, _, value string) (err error) {
		if s.Torn, err = strconv.ParseBool(value); err != nil {
			err = fmt.Errorf("%q is neither 1 nor 0", value)
		}
		return err
	}},
	{FaultFIFO, "BYTES[:RATE]", "has a receive buffer of BYTES at 115200 baud, read at RATE bytes a second, by default 2000; the rest is lost", receiver},
	{FaultEcho, "off", "does not echo its input; U-Boot still ends the line", func(s *settings, _, value string) error {
		if s.Mute = value == "off"; !s.Mute && value != "on" {
			return fmt.Errorf("%q is neither off nor on", value)
		}
		return nil
	}},
	{FaultWrap, "COLUMNS", "wraps the echo of long lines at COLUMNS; by default Linux wraps at 80, and U-Boot does not", func(s *settings, _, value string) (err error) {
		s.Wrap, err = between(value, minWrap, maxWrap)
		return err
	}},
	{"shell", "NAME", "has a U-Boot whose shell is hush, simple (without $?), or bare (also without echo)", func(s *settings, _, value string) error {
		names := []string{ShellHush, ShellSimple, ShellBare}
		if s.cfg.Shell = value; !slices.Contains(names, value) {
			return notOneOf(value, names)
		}
		return nil
	}},
	{"quiet", "1", "has a U-Boot that prints nothing before its prompt", func(s *settings, _, value string) (err error) {
		if s.cfg.Quiet, err = strconv.ParseBool(value); err != nil {
			err = fmt.Errorf("%q is neither 1 nor 0", value)
		}
		return err
	}},
	{"restarts", "N", "resets itself N times after each power-on, before U-Boot's countdown", func(s *settings, _, value string) (err error) {
		s.cfg.Restarts, err = between(value, 0, maxNth)
		return err
	}},
	{"seed", "N", "makes its random choices from this seed", func(s *settings, _, value string) (err error) {
		if s.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
			err = fmt.Errorf("%q is not a number from 0 up", value)
		}
		return err
	}},
	{"ram", "MIB", "has so much memory, from 0x40000000 on; by default U-Boot reports 512 and there is memory at every address", func(s *settings, _, value string) error {
		mib, err := between(value, minRAM, maxRAM)
		s.cfg.RAM = int64(mib) << 20
		return err
	}},
	{"lacks", "NAMES", "has a U-Boot without these commands: hash+unzip", func(s *settings, _, value string) error {
		s.cfg.Lacks = strings.Split(value, "+")
		for _, name := range s.cfg.Lacks {
			if _, ok := commands[name]; !ok {
				return fmt.Errorf("%q is not a command of the simulated U-Boot", name)
			}
		}
		return nil
	}},
	{"protected", "1", "has media that U-Boot cannot write", func(s *settings, _, value string) (err error) {
		if s.cfg.Protected, err = strconv.ParseBool(value); err != nil {
			err = fmt.Errorf("%q is neither 1 nor 0", value)
		}
		return err
	}},
	{"sd", "NAME", "has disks sda, sdb, … that are scsi, usb or sata in U-Boot; scsi by default", func(s *settings, _, value string) error {
		names := []string{"scsi", "usb", "sata"}
		if s.cfg.SD = value; !slices.Contains(names, value) {
			return notOneOf(value, names)
		}
		return nil
	}},
	{"nor", "ADDRESS", "has a parallel NOR flash of 32 MiB at this address in hexadecimal; none by default", func(s *settings, _, value string) (err error) {
		address, ok := hexAddress(value)
		if s.cfg.NOR = address; !ok || address == 0 || address%norErase != 0 {
			err = fmt.Errorf("%q is not an address in hexadecimal, a multiple of %x and more than 0", value, norErase)
		}
		return err
	}},
	{"bad", "BLOCKS", "has a NAND chip with these bad blocks: 3+7", func(s *settings, _, value string) error {
		for _, text := range strings.Split(value, "+") {
			n, err := between(text, 0, nandSize/nandErase-1)
			if err != nil {
				return err
			}
			s.cfg.Bad = append(s.cfg.Bad, int64(n))
		}
		return nil
	}},
	{"size", "MIB", "has media of this size, 8192 by default; only written data takes space", func(s *settings, _, value string) error {
		mib, err := between(value, 1, maxMediumMiB)
		s.cfg.Size = int64(mib) << 20
		return err
	}},
	{"sector", "BYTES", "has media with logical sectors of this size, 512 by default, or 4096", func(s *settings, _, value string) error {
		if value != "512" && value != "4096" {
			return fmt.Errorf("%q is neither 512 nor 4096", value)
		}
		n, err := strconv.Atoi(value)
		s.cfg.Sector = int64(n)
		return err
	}},
	{"dir", "PATH", "keeps its media in PATH, as NAME.img; otherwise they are deleted with it", func(s *settings, _, value string) error {
		s.cfg.Dir = value
		return nil
	}},
}

const (
	minWrap, maxWrap     = 10, 1000
	usualSpeed, maxSpeed = 2000, 1000000
	maxNth               = 1 << 30
	minRAM, maxRAM       = 48, 512
)

// settings are what a setting may change.
type settings struct {
	*Faults
	cfg *Config
}

// Parse reads what follows "sim:", NAME=VALUE separated by commas, into a configuration. For the names see
// Settings.
func Parse(text string, cfg *Config) error {
	cfg.Faults = &Faults{Count: map[string]int{}, Stage: map[string]StageTrigger{}, Rate: map[DirectedFault]float64{}}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, value, _ := strings.Cut(word, "=")
		err := fmt.Errorf("there is no %q%s", name, suggest.Nearest(name, settingNames()))
		if i := slices.IndexFunc(Settings, func(s Setting) bool { return s.Name == name }); i >= 0 {
			err = Settings[i].set(&settings{cfg.Faults, cfg}, name, value)
		}
		if err != nil {
			return classify.WithHint(classify.Wrap(err, classify.Usage, "the simulated board cannot be set to %q", word),
				"write as in sim:dhcp=1,drop=0.5%%; see flashlua sim --help")
		}
	}
	return nil
}

func settingNames() (names []string) {
	for _, s := range Settings {
		names = append(names, s.Name)
	}
	return names
}

func count(s *settings, name, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number from 0 up", value)
	}
	s.Count[name] = n
	return nil
}

// countOrAlways is a count, or always.
func countOrAlways(s *settings, name, value string) error {
	if value == "always" {
		value = strconv.Itoa(maxNth)
	}
	return count(s, name, value)
}

// between reads a number in a range.
func between(value string, low, high int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", value)
	}
	if n < low || n > high {
		return 0, fmt.Errorf("%s is not from %d to %d", value, low, high)
	}
	return n, nil
}

// notOneOf is the error of a value that is none of the known ones.
func notOneOf(value string, known []string) error {
	return fmt.Errorf("%q is not one of %s%s", value, strings.Join(known, ", "), suggest.Nearest(value, known))
}

func stage(s *settings, name, value string) error { return stageOf(stages, s, name, value) }

// stageOfLinux is a stage at which a kernel runs and can print.
func stageOfLinux(s *settings, name, value string) error {
	return stageOf([]string{StageLogin, StageShell, StageWrite}, s, name, value)
}

func stageOf(stages []string, s *settings, name, value string) error {
	at, nth, given := strings.Cut(value, ":")
	if !slices.Contains(stages, at) {
		return notOneOf(at, stages)
	}
	m := StageTrigger{at, 1}
	if given {
		var err error
		if m.Left, err = between(nth, 1, maxNth); err != nil {
			return err
		}
	} else if at == StageOutput {
		m.Left = 0
	}
	s.Stage[name] = m
	return nil
}

// rateOfDirections is a rate for both directions of the line, or for the one that it names.
func rateOfDirections(s *settings, name, value string) error {
	text, only, one := strings.Cut(value, ":")
	if one && Direction(only) != ToBoard && Direction(only) != FromBoard {
		return fmt.Errorf("%q is not one of %s, %s", only, ToBoard, FromBoard)
	}
	rate, err := probability(text)
	for _, d := range []Direction{ToBoard, FromBoard} {
		if !one || d == Direction(only) {
			s.Rate[DirectedFault{name, d}] = rate
		}
	}
	return err
}

// receiver is how many bytes the receiver holds and, after a colon, how many are read in a second.
func receiver(s *settings, _, value string) (err error) {
	size, speed, given := strings.Cut(value, ":")
	s.Speed = usualSpeed
	if s.FIFO, err = between(size, 1, input); err == nil && given {
		s.Speed, err = between(speed, 1, maxSpeed)
	}
	return err
}

func rateOfNoise(s *settings, name, value string) (err error) {
	s.Rate[DirectedFault{name, FromBoard}], err = probability(value)
	return err
}

// probability is a number from 0 to below 1, or a percentage.
func probability(value string) (float64, error) {
	text, percent := strings.CutSuffix(value, "%")
	rate, err := strconv.ParseFloat(text, 64)
	limit := "0 to 1"
	if percent {
		rate, limit = rate/100, "0% to 100%"
	}
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, fmt.Errorf("%q is neither a number from 0 to 1 nor a percentage", value)
	case !(rate >= 0 && rate < 1): // NaN neither
		return 0, fmt.Errorf("%s is not from %s", value, limit)
	}
	return rate, nil
}
