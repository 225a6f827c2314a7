function db = conv_bias_gradient(dout)
% (OH, OW, F, N) -> F x 1, the size of the bias: the sum alone would be 1 x 1 x F.
  db = sum(sum(sum(dout, 1), 2), 4);
  db = db(:);
end
