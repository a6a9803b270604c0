// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Ptp.Transport;

/// <summary>
/// Monitors the carrier of one interface, in the network namespace of the thread that creates it: an i40e loses the frequency adjustment
/// of its PHC at each change.
/// </summary>
internal sealed class CarrierWatch : IDisposable
{
    private readonly LinkWatch _links;
    private readonly int _index;
    private bool? _hadCarrier;

    /// <exception cref="IOException">The kernel rejects the socket.</exception>
    public CarrierWatch(string name, int index)
    {
        _index = index;
        _links = new LinkWatch($"{name}: watch the link");
        _hadCarrier = (_links.InterfaceFlags(name) & InterfaceRequest.IFF_RUNNING) != 0;
    }

    /// <summary>File descriptor for poll(2).</summary>
    public int Fd => _links.Fd;

    /// <summary>Receives one report. <see cref="Reception.Message"/> is a change of carrier, or a possible one.</summary>
    public Reception Receive()
    {
        LinkReport report = _links.Read();
        switch (report.Kind)
        {
            case LinkReportKind.None:
                return Reception.None;
            case LinkReportKind.Lost:
                _hadCarrier = null;
                return Reception.Message;
            case LinkReportKind.Changed or LinkReportKind.Deleted when report.Index == _index:
                bool hasCarrier = report.Kind == LinkReportKind.Changed && (report.Flags & NetlinkNumbers.IFF_LOWER_UP) != 0;
                bool isChange = _hadCarrier != hasCarrier;
                _hadCarrier = hasCarrier;
                return isChange ? Reception.Message : Reception.Nothing;
            default:
                return Reception.Nothing;
        }
    }

    public void Dispose() => _links.Dispose();
}
