# Positions count UTF-16 units: é is one, 😀 two; lines end with \n, \r\n or \r.
call 1 initialize {"capabilities": {"general": {"positionEncodings": ["utf-16"]}}}
open units.amal
source S from "S.csv" { x: num } # é
/* 😀 */ target T { x: feature num }
S(x: x) -> T(x: y);
.
# the 😀 before `target` takes two units: T stands at 16
call 2 textDocument/hover {"textDocument": {"uri": "$HERE/units.amal"}, "position": {"line": 1, "character": 16}}
# between its halves: before it
change 2 [{"range": {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 4}}, "text": "é"}, {"range": {"start": {"line": 2, "character": 16}, "end": {"line": 2, "character": 17}}, "text": "x"}]
# beyond the end of a line and of the text: their ends
change 3 [{"range": {"start": {"line": 2, "character": 400}, "end": {"line": 99, "character": 0}}, "text": "\r\n/*\rq*/ print nrwo(features(T));"}]
call 3 textDocument/codeAction {"textDocument": {"uri": "$HERE/units.amal"}, "range": {"start": {"line": 4, "character": 10}, "end": {"line": 4, "character": 10}}}
change 4 [{"range": {"start": {"line": 4, "character": 10}, "end": {"line": 4, "character": 14}}, "text": "nrow"}]
call 4 shutdown
send {"jsonrpc": "2.0", "method": "exit"}
end
