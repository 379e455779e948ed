# Nothing that arrives ends the server: broken headers and bodies, unknown methods, requests out of order, cancellations.
call 1 textDocument/hover {}
call 2 initialize {"capabilities": null}
call 3 initialize {}
raw X-Nothing: 1\r\n\r\n
wait
raw Content-Length: twelve\r\n\r\n
wait
send {"jsonrpc": "2.0", "id": 4, "method":
wait
send [1, 2]
wait
send 7
wait
send {"jsonrpc": "2.0", "id": 5}
wait
send {"jsonrpc": "2.0", "id": 6, "result": null}
send {"jsonrpc": "2.0", "method": "made/up"}
send {"jsonrpc": "2.0", "id": "seven", "method": "made/up"}
wait
# a body beyond the limit is read past
big 67108865
wait
# lists without end
raw Content-Length: 70\r\n\r\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
wait
# requests about nothing
call 10 textDocument/hover {"textDocument": {"uri": "file:///nowhere.amal"}, "position": {"line": 0, "character": 0}}
call 11 textDocument/hover null
call 12 textDocument/hover {"textDocument": {"uri": 5}, "position": []}
send {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument": {"uri": "file:///nowhere.amal"}, "contentChanges": [{"text": "x"}]}}
send {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": {"uri": "untitled:1"}}}
open bad.amal
)))) } algorithm ; source from "
/* open
.
call 20 textDocument/hover at algo|rithm
call 21 textDocument/documentSymbol {"textDocument": {"uri": "$HERE/bad.amal"}}
call 22 textDocument/hover {"textDocument": {"uri": "$HERE/bad.amal"}, "position": {"line": -1, "character": 0}}
change 2 [{"range": {"start": {"line": 9, "character": 9}, "end": {"line": 0, "character": 0}}, "text": "\u0000 \ud800"}]
change 3 [{"text": ""}]
# of two messages in one packet, the second cancels the first
raw Content-Length: 77\r\n\r\n{"jsonrpc":"2.0","id":30,"method":"textDocument/documentSymbol","params":{} }Content-Length: 64\r\n\r\n{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":30} }
wait
call 40 shutdown
call 41 textDocument/hover {}
send {"jsonrpc": "2.0", "method": "exit"}
end
