function y = max_pool(x, g)
% (H, W, C, N) -> (OH, OW, C, N): the largest pixel of every window. Sizes that were rounded up come as padding.
  y = zeros(g.OH, g.OW, g.C, g.N, class(x));
  for n = 1:g.N
    y(:, :, :, n) = first_largest(x(:, :, :, n), g);
  end
end
