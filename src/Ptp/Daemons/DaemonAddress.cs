using System.Net;
using System.Text;

namespace Capbox.Ptp.Daemons;

/// <summary>Where an outside program is asked.</summary>
public static class ExternalAddress
{
    /// <summary>sun_path of unix(7) has 108 bytes, with a zero.</summary>
    private const int MostPathBytes = 107;

    /// <summary>A path that a socket can have, or a loopback address with a port: nobody on the network is asked what this machine's clock is worth.</summary>
    public static bool IsGood(string address) => address.StartsWith('/')
        ? address.Length > 1 && Encoding.UTF8.GetByteCount(address) <= MostPathBytes
        : IPEndPoint.TryParse(address, out IPEndPoint? end) && end.Port != 0 && IPAddress.IsLoopback(end.Address);
}
