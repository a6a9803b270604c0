namespace Capbox.Ptp.Transport;

/// <summary>Where a message came in.</summary>
public enum PtpChannel
{
    /// <summary>Not told apart: Ethernet.</summary>
    Any,

    /// <summary>UDP port 319.</summary>
    Event,

    /// <summary>UDP port 320.</summary>
    General,
}
