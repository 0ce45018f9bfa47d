package bindings

import (
	"encoding/hex"
	"fmt"
	"hash"
)

// digest returns the digest of a policy: texts is the one of what was read to load it, to which every setting is added.
// A password is stars in the settings.
func (s *Script) digest(texts hash.Hash) string {
	for _, x := range s.Settings {
		fmt.Fprintf(texts, "%q=%q\n", x.Key, fmt.Sprint(x.Value))
	}
	return hex.EncodeToString(texts.Sum(nil))
}
