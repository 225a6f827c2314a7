function [rows, cols] = read_by_tap(u, v, g)
% What tap (u, v) reads in each window: rows (1 x OH) and columns (1 x OW) of the padded image.
% A window starts a whole stride after the one before it: nothing is rounded.
  rows = 1 + (u - 1) * g.DH + (0:g.OH - 1) * g.SH;
  cols = 1 + (v - 1) * g.DW + (0:g.OW - 1) * g.SW;
end
