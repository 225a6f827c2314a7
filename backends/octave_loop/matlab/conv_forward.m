function activations = conv_forward(input, weights, bias, g)
% (H, W, C, N), (KH, KW, C/G, F), F x 1 or [] -> (OH, OW, F, N), image by image: im_col (L x K) * filter_col (K x F).
  filter_col = reshape(weights, g.KH * g.KW * g.C / g.G, g.F);
  activations = zeros(g.OH, g.OW, g.F, g.N, class(input));
  for n = 1:g.N
    im_col = im2col_image(input(:, :, :, n), g);
    for group = 1:g.G
      [taps, filters] = group_of(group, g);
      product = im_col(:, taps) * filter_col(:, filters);
      if ~isempty(bias)
        product = product + reshape(bias(filters), 1, g.F / g.G);  % one of each filter, not of each tap
      end
      activations(:, :, filters, n) = reshape(product, g.OH, g.OW, g.F / g.G);
    end
  end
end
