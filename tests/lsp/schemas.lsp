# Sources without a column block: their schemas come a moment later, and what depends on them is checked then.
call 1 initialize {"capabilities": {}, "initializationOptions": {"warnings": ["no-W126", "error=W123", "loud"]}}
open points.amal
source points from "points.csv";
source gone from "gone.csv";
target T { height: feature num, old: feature num }
points(height: h, weigth: w) -> T(height: h, old: w);
print ncol(features(T));
.
# what was found: a name that the file does not have, and, looked for after it, a file that is not there
settle there is no such file
call 2 textDocument/hover at source po|ints
call 3 textDocument/hover at (he|ight: h
call 4 textDocument/hover at source go|ne
call 5 textDocument/codeAction {"textDocument": {"uri": "$HERE/points.amal"}, "range": {"start": {"line": 3, "character": 20}, "end": {"line": 3, "character": 20}}}
# a warning that is to be an error
change 1 [{"text": "source points from \"points.csv\";\ntarget T { height: feature num }\npoints(height: h, weight: w) -> T(height: h);\n"}]
# known now: no second message
change 2 [{"text": "source points from \"points.csv\";\ntarget T { height: feature num, old: feature num }\npoints(height: h, weight: w) -> T(height: h, old: w);\n"}]
call 6 textDocument/completion {"textDocument": {"uri": "$HERE/points.amal"}, "position": {"line": 2, "character": 7}}
# a script that is used has an error of its own; a definition leads there
change 3 [{"text": "use \"shared.amal\";\ntarget T { x: feature num }\nrows(x: x) -> T(x: x);\n"}]
call 7 textDocument/definition {"textDocument": {"uri": "$HERE/points.amal"}, "position": {"line": 2, "character": 1}}
call 8 textDocument/definition {"textDocument": {"uri": "$HERE/points.amal"}, "position": {"line": 0, "character": 8}}
send {"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": "$HERE/points.amal"}}}
wait
call 9 shutdown
send {"jsonrpc": "2.0", "method": "exit"}
end
