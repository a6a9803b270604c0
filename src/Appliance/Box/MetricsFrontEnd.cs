// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Config;
using Capbox.Metrics;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>Serves metrics where the configuration asks for them.</summary>
internal sealed class MetricsFrontEnd(IBox box, BoxOptions options, ILogger logger) : IFrontEnd, IDisposable
{
    private MetricsAddress? _address;
    private MetricsServer? _server;

    public void Start() => Open(options.Metrics);

    public void Change(BoxOptions next)
    {
        if (next.Metrics != _address)
            Open(next.Metrics);
    }

    public void Stop() => _server?.Dispose();

    public void Dispose() => Stop();

    private void Open(MetricsAddress? address)
    {
        _server?.Dispose();
        (_server, _address) = (null, address);
        if (address is null)
            return;
        try
        {
            _server = new MetricsServer(address.EndPoint, () => MetricsText.Format(box.Snapshot()), logger);
        }
        catch (IOException e)
        {
            logger.LogError("{Reason}; recording goes on without", e.Message);
        }
    }
}
